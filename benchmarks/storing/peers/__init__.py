"""Other ways to store what lies in Kafka."""
