"""Reports that people keep, and the dashboard on which they pin them."""
