"""What training and serving share: the hourly table, features, baselines, models and their registry."""
