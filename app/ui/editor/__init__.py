"""The editor of a config: a form and its JSON, two views of one document. Loaded when it is first shown."""
