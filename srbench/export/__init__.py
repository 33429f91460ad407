"""Takes methods and their weights to where srbench is not: ONNX graphs, weights files, folders for the Hub.

Imported by the command line alone.
"""
