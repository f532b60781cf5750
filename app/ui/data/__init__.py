"""From data to a config: what was found in a file or folder, what is learned from it, and what a config for it has."""
