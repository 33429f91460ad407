"""Exports methods for use without srbench: ONNX graphs, weights files, folders for the Hub.

Imported by the command line alone.
"""
