"""The officer's tool for a project's token keys: offline, on a file of theirs; the service never opens it."""
