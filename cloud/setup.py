"""Makes a new headquarters in a directory: configuration, signing key, session secret; never overwrites."""

from pathlib import Path

from cloud.errors import ConfigError
from cloud.keys import SigningKey, create_secret

CONFIG, SIGNING, SESSION = "headquarters.toml", "signing.key", "session.secret"


def init(directory: Path) -> SigningKey:
    """Fill `directory` and return the new signing key; raise ConfigError if it holds a headquarters."""
    operation = f"make a headquarters in {directory}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        taken = [name for name in (CONFIG, SIGNING, SESSION) if (directory / name).exists()]
        if taken:
            raise ConfigError(operation, f"{', '.join(taken)} exists already", "choose a new directory")
        create_secret(directory / SIGNING)
        create_secret(directory / SESSION)
        example = Path(__file__).with_name("headquarters.example.toml").read_text("utf-8")
        (directory / CONFIG).write_text(example, "utf-8")
    except OSError as failed:
        raise ConfigError(operation, failed.strerror or "failed") from failed
    return SigningKey.load(directory / SIGNING)
