"""Classes of members that groups are made for: tier, identity and school grade."""
