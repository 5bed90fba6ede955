"""The page that `ganzoo explore` writes."""
