"""How a measure's network looks and is trained: the choices, found on validation (LOG.md)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDesign:
    """Size and training of a network. A step is one batch."""

    units: int = 64
    input_dropout: float = 0.0
    dropout: float = 0.0
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    level_power: float = 0.0  # of dust: how errors count more where there is more; 1 as in µg/m³
    steps_max: int = 500
    steps_between_validations: int = 50
    # Validations without a better one. None: all steps are taken, the last weights count, and all that is
    # known before the test is learnt from, the days of validation too.
    patience: int | None = 4

    @property
    def is_validated(self) -> bool:
        """Whether days are kept back that tell when it has learnt enough."""
        return self.patience is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDesign:
    """What a measure's network reads."""

    context_h: int = 24
    seasons: tuple[str, ...] = ("sun", "hour_sin", "hour_cos", "annual_sin", "annual_cos")
    covariates: tuple[str, ...] = ()
    centred: tuple[str, ...] = ("pressure",)
    neighbours_max: int = 12
    neighbours_radius_km: float = 25.0
    has_quartiles: bool = False
    spread_floor: float = 0.1
    is_level_told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a measure's model reads, and how it is trained."""

    features: FeatureDesign
    network: NetworkDesign = NetworkDesign()
    is_anchored_on_trend: bool = False
