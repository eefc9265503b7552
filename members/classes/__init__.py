"""Classes of members: tiers from orders, members in the wrong group, and the yearly move up by grade."""
