"""What a reading costs, from Kafka to Kafka: our jobs, four other ways to do the same, and the floor."""
