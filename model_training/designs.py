"""Which design each measure has: chosen on validation; LOG.md has what else was tried."""

from dataclasses import replace

from forecasting.transforms import is_logarithmic
from model_training.design import Design, FeatureDesign, NetworkDesign

CLIMATE = ("temperature", "humidity", "pressure")
QUARTILES_HELP = frozenset({"temperature", "humidity", "pm25"})
BESIDE_BEIJINGS = ("temperature", "dew_point", "pressure", "wind_speed", "rain", "humidity", "pm10")

USUAL = NetworkDesign(patience=6, steps_max=600, dropout=0.2, input_dropout=0.1)
# Few sensors, which all see the same weather: all is learnt in a hundred steps, and then learnt by heart.
WATCHED = replace(USUAL, units=40, steps_between_validations=25)
# Dust of a place depends on what is lit there: of few places much is learnt by heart that holds nowhere else.
DULLED = replace(USUAL, units=40, dropout=0.3, input_dropout=0.2)


def design_of(measure: str, *, available: frozenset[str]) -> Design:
    """The design for sensors of the network; of the climate beside them, what the data have."""
    is_pressure = measure == "pressure"
    # Of pressure the level tells the height of the place, of humidity what its kind of sensor says of fog.
    covariates = tuple(name for name in CLIMATE if name != measure and name in available)
    return Design(
        features=FeatureDesign(
            seasons=("sun", "hour_sin", "hour_cos"),
            covariates=covariates,
            has_quartiles=measure in QUARTILES_HELP,
            is_level_told=measure not in {"pressure", "humidity"},
        ),
        network=WATCHED if is_pressure else DULLED if is_logarithmic(measure) else USUAL,
        is_anchored_on_trend=is_pressure,  # of the others the first hours alone gain by it
    )


# Official stations up to 80 km apart, with their own weather, of PM2.5.
BEIJING = Design(
    features=FeatureDesign(
        covariates=BESIDE_BEIJINGS, centred=(), neighbours_radius_km=200.0, has_quartiles=True
    ),
    network=NetworkDesign(patience=None, steps_max=450, dropout=0.3, input_dropout=0.15, level_power=0.5),
)
