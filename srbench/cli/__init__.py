"""The command line: one file per verb, only arguments and output. Imported by nobody."""
