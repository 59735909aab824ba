"""The words of the house: measures, messages, topics, stored measurements, flags. No input or output."""
