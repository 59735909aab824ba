"""The archive's layouts, rows of them, and files of rows."""

import gzip
import io
import lzma
import zipfile

HEADER = "sensor_id;sensor_type;location;lat;lon;timestamp"
SDS011 = "P1;durP1;ratioP1;P2;durP2;ratioP2"
SENSOR = "15092;SDS011;7647;56.964;-2.212"
NAME = "2019-05-13_sds011_sensor_15092.csv"


def a_row(at="2019-05-13T00:02:15", *, sensor=SENSOR, values="8.97;;;3.10;;"):
    return f"{sensor};{at};{values}"


def rows_of_a_day(count, *, sensor=SENSOR):
    """So many rows, some seconds apart, each with a value of its own."""
    step = 86_400 / count
    times = [divmod(int(number * step), 60) for number in range(count)]
    return [
        a_row(f"2019-05-13T{m // 60:02}:{m % 60:02}:{s:02}", sensor=sensor, values=f"{n}.5;;;{n}.25;;")
        for n, (m, s) in enumerate(times)
    ]


def a_file(*rows, columns=SDS011):
    """The bytes of an archive file."""
    return "".join(f"{line}\n" for line in (f"{HEADER};{columns}", *rows)).encode()


def a_zip(**content_by_name):
    """The bytes of a zip; names are given with `__` for the dot."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in content_by_name.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


PACKED_BY_SUFFIX = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
