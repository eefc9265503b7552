"""The way into a group: applications, the welcome, and the first days of a newcomer; titles that a group gives."""
