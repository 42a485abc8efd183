"""How long headquarters keeps what: the classes, the dry run, the deletion; never what a box keeps."""
