"""Where a bucket and a TPU are: a bucket in another region is slow, and every byte that leaves its region is charged."""

from electra_pretrain.tpu import metadata


def bucket_location(name: str) -> str | None:
    """Return where a bucket is, such as "us-central1" or "us"; None if nobody here can say."""
    try:
        from google.cloud import storage

        location: str = storage.Client().get_bucket(name).location
    except Exception:  # no library, no credentials, no right to ask: the run itself may still reach the bucket
        return None
    return location.lower()


def within(zone: str, location: str) -> bool:
    """Return whether a zone ("us-central1-a") lies in a bucket's location: a region, or a continent ("us", "eu", "asia")."""
    region = zone.rpartition("-")[0]
    return location in (region, region.split("-")[0]) or (location == "eu" and region.startswith("europe"))


def own_zone() -> str | None:
    """Return the zone of the virtual machine that this is; None where it is none."""
    zone = metadata.ask_quietly("zone")  # "projects/123/zones/us-central1-a"
    return None if zone is None else zone.rpartition("/")[2] or None
