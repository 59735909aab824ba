"""Which design each measure has: chosen on validation; LOG.md has what else was tried."""

from model_training.design import Design, FeatureDesign, NetworkDesign

CLIMATE = ("temperature", "humidity", "pressure")
BEIJING_WEATHER = ("temperature", "dew_point", "pressure", "wind_speed")


def design_of(measure: str, *, available: frozenset[str]) -> Design:
    """The design for sensors of the network; of the climate beside them, what the data have."""
    covariates = tuple(name for name in CLIMATE if name != measure and name in available)
    return Design(
        features=FeatureDesign(
            seasons=("sun", "hour_sin", "hour_cos"),
            covariates=covariates,
            is_level_told=measure != "pressure",
        ),
        network=NetworkDesign(patience=6, steps_max=600, dropout=0.2, input_dropout=0.1),
    )


# Official stations up to 80 km apart, with their own weather.
BEIJING = Design(
    features=FeatureDesign(covariates=BEIJING_WEATHER, centred=(), neighbours_radius_km=200.0),
    network=NetworkDesign(steps_max=400, dropout=0.2, input_dropout=0.1),
)
