"""Finds the choices that give a number: which protocol made it. Imported by the command line alone."""
