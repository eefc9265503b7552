"""How groups are: their figures by day, the stage of their life with its reasons, warnings and remedies."""
