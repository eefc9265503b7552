"""The week in a letter: key figures by e-mail, to whoever of the staff asked for them."""
