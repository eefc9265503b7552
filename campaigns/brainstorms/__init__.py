"""Brainstorms: a question at a fixed hour, answers, and the like that says "you were seen"."""
