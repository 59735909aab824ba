"""What lies in the store: one home for each measurement, one type for each field."""

from contracts.stored import BUCKETS, MEASUREMENTS, FieldType


def test_a_measurement_has_one_home():
    names = [measurement.name for measurement in MEASUREMENTS]

    assert len(set(names)) == len(names)
    assert {measurement.bucket for measurement in MEASUREMENTS} == set(BUCKETS)


def test_tags_come_sorted_and_are_no_fields():
    for measurement in MEASUREMENTS:
        assert list(measurement.tags) == sorted(measurement.tags)
        assert not set(measurement.tags) & set(measurement.fields)


def test_every_field_has_a_type():
    assert {kind for each in MEASUREMENTS for kind in each.fields.values()} == set(FieldType)


def test_a_bucket_drops_whole_shards_and_keeps_at_least_one():
    assert all(bucket.shard_s <= bucket.retention_s for bucket in BUCKETS)
