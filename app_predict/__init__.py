"""The predictor: the champion model and the recent hours become forecasts, and each forecast is scored."""
