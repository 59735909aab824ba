"""Repeatable measurements of each stage and of the whole."""
