"""What a motivation brings along: content mix, rules, the plan of the first days, a funnel, a ceiling for noise.

The shipped presets are the YAML files in this folder; administrators may change them, and the changed text is kept in
the database. groups.presets.reading says which fields there are.
"""
