"""Files in: tables of messages, orders or whatever an app registers an importer for.

tables.py reads a file as rows, importers.py says what an importer is and which there are, runner.py takes the rows
in by batches. The commands and the console's page are two doors to the same runner.
"""
