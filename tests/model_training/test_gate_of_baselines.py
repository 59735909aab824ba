"""A baseline may be the first champion: it is judged like any other, by what it is."""

from model_training.backtesting import backtest
from model_training.gate import judged
from model_training.training import baseline_model, prepared
from tests.model_training.builders import DESIGN, PROTOCOL, weather


def test_the_blend_may_become_the_first_champion_and_persistence_may_not(tmp_path):
    ready = prepared(weather(tmp_path), PROTOCOL, DESIGN)
    models = {name: baseline_model(ready, name, now_s=0) for name in ("blend", "persistence")}
    tested = backtest(ready, {f"our {name}": model for name, model in models.items()})

    blend, persistence = (
        judged(tested, model, ready, name=f"our {name}", champion=None) for name, model in models.items()
    )

    assert blend.reasons == ()
    assert tested.network_share["our blend"] is None
    assert "worse_than_baseline" in persistence.reasons[0]
