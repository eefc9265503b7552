"""Who is new, stays, comes back or goes quiet, and how often members are active."""
