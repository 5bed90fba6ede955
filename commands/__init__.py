"""The command line: recipes, commands, the folder of a run, what stops it."""
