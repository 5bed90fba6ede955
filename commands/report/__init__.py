"""The page that `ganzoo report` writes."""
