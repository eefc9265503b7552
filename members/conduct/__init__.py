"""How members keep to the rules: messages judged, violations and strikes, appeals, who has read the rules."""
