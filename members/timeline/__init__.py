"""Everything that is known to have happened to a member, in one order. Notes of staff live here."""
