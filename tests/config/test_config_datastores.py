"""The section `datastore`: what each store takes, and what is refused before it is opened."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from replicate.config import DatastoreConfig, check_config, load_config

_LOADED = ["datastore"]


def _section(tmp_path: Path, text: str, **environ: str) -> DatastoreConfig:
    path = tmp_path / "conf.yaml"
    path.write_text(dedent(text))
    section = load_config(path, sections=_LOADED, environ=environ).datastore
    assert section is not None
    return section


def _problem(tmp_path: Path, text: str) -> str:
    path = tmp_path / "conf.yaml"
    path.write_text("datastore:\n" + text)
    [problem] = check_config(path, environ={})
    return str(problem).partition("conf.yaml:")[2]


def test_a_bucket_is_enough(tmp_path: Path) -> None:
    aws = _section(tmp_path, "datastore: {aws: {bucket: dumps}}").aws
    assert aws is not None
    assert (aws.prefix, aws.region, aws.profile, aws.credentials) == ("", None, None, None)
    assert (aws.create_bucket, aws.secure, aws.purge_versions) == (True, True, False)
    assert (aws.path_style, aws.signature_version, aws.metadata) == (None, "s3v4", {})
    assert (aws.max_attempts, aws.timeout) == (8, 60)


def test_everything_of_aws(tmp_path: Path) -> None:
    aws = _section(
        tmp_path,
        """
        datastore:
          aws:
            bucket: dumps
            prefix: /team/a/
            path_style: false
            secure: ${SECURE}
            create_bucket: false
            ca_bundle: ca.pem
            signature_version: s3
            server_side_encryption: aws:kms
            kms_key_id: alias/x
            storage_class: STANDARD_IA
            metadata: {scal-location-constraint: us-east-1}
            max_attempts: 3
            timeout: ${TIMEOUT}
            role_arn: arn:aws:iam::1:role/x
            purge_versions: true
        """,
        SECURE="false",
        TIMEOUT="5",
    ).aws
    assert aws is not None
    assert aws.prefix == "team/a"
    assert (aws.path_style, aws.secure, aws.create_bucket) == (False, False, False)
    assert (aws.server_side_encryption, aws.kms_key_id) == ("aws:kms", "alias/x")
    assert (aws.signature_version, aws.storage_class) == ("s3", "STANDARD_IA")
    assert aws.metadata == {"scal-location-constraint": "us-east-1"}
    assert (aws.max_attempts, aws.timeout, aws.purge_versions) == (3, 5, True)


@pytest.mark.parametrize(
    "keys",
    [
        "credentials: {access_key_id: '', secret_access_key: ''}",
        "credentials: {access_key_id: $NOTHING, secret_access_key: $NOTHING}",
        "credentials: {}",
        "credentials:",
        "access_key_id: ''",
    ],
)
def test_blank_keys_are_none(tmp_path: Path, keys: str) -> None:
    aws = _section(tmp_path, f"datastore:\n  aws:\n    bucket: dumps\n    {keys}\n", NOTHING="").aws
    assert aws is not None
    assert aws.credentials is None


def test_mirrors(tmp_path: Path) -> None:
    section = _section(
        tmp_path,
        """
        datastore:
          mirrors:
            - aws: {bucket: dumps}
            - local_disk: {dir: a}
              required: false
        """,
    )
    assert section.kind == "mirrors"
    assert section.mirrors is not None
    assert [(m.kind, m.required) for m in section.mirrors] == [("aws", True), ("local_disk", False)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  aws: {bucket: ab}\n", "2: datastore.aws.bucket: expected a name of 3 to 255"),
        ("  aws: {bucket: -dumps}\n", "2: datastore.aws.bucket: expected a name of 3 to 255"),
        ("  aws: {bucket: dumps.}\n", "2: datastore.aws.bucket: expected a name of 3 to 255"),
        ("  aws: {bucket: a b c}\n", "2: datastore.aws.bucket: expected a name of 3 to 255"),
        ('  aws: {bucket: "dumps\\n"}\n', "2: datastore.aws.bucket: expected a name of 3 to 255"),
        ("  gcp: {bucket: dumps/a}\n", "2: datastore.gcp.bucket: expected a name of 3 to 255"),
        ("  gcs: {bucket: dumps/a}\n", "2: datastore.gcs.bucket: expected a name of 3 to 255"),
        ("  gcp: {bucket: 'arn:a'}\n", "2: datastore.gcp.bucket: expected a name of 3 to 255"),
        (
            "  aws: {bucket: 'arn:a', endpoint: {custom: 'https://a'}}\n",
            "2: datastore.aws: `bucket` is an ARN, which only Amazon's own endpoint takes",
        ),
        (
            "  aws: {bucket: dumps, role_arn: x}\n",
            "2: datastore.aws.role_arn: expected an ARN such as arn:aws:iam::123456789012:role/",
        ),
        ("  aws: {bucket: dumps, prefix: ../a}\n", "2: datastore.aws.prefix: expected names of"),
        ("  aws: {bucket: dumps, prefix: a//b}\n", "2: datastore.aws.prefix: expected names of"),
        ("  aws: {bucket: dumps, prefix: .a}\n", "2: datastore.aws.prefix: expected names of"),
        ("  aws: {bucket: dumps, prefix: 1}\n", "2: datastore.aws.prefix: expected text"),
        (
            "  aws: {bucket: dumps, timeout: 0}\n",
            "2: datastore.aws.timeout: expected a whole number",
        ),
        ("  aws: {bucket: dumps, max_attempts: 0}\n", "2: datastore.aws.max_attempts: expected a"),
        (
            "  aws: {bucket: dumps, secure: no thanks}\n",
            "2: datastore.aws.secure: expected true or",
        ),
        (
            "  aws: {bucket: dumps, signature_version: v4}\n",
            "2: datastore.aws.signature_version: expected s3v4 or s3, found text",
        ),
        (
            "  aws: {bucket: dumps, server_side_encryption: kms}\n",
            "2: datastore.aws.server_side_encryption: expected AES256 or aws:kms, found text",
        ),
        (
            "  aws: {bucket: dumps, kms_key_id: x}\n",
            "2: datastore.aws: `kms_key_id` needs `server_side_encryption: aws:kms`",
        ),
        (
            "  aws: {bucket: dumps, credentials: {access_key_id: x}}\n",
            "2: datastore.aws.credentials: `access_key_id` and `secret_access_key` belong together",
        ),
        (
            "  aws: {bucket: dumps, metadata: [a]}\n",
            "2: datastore.aws.metadata: expected a mapping",
        ),
        ("  aws: {bucket: dumps, metadata: {a: 1}}\n", "2: datastore.aws.metadata: expected text"),
        (
            "  aws: {bucket: dumps, metadata: {a b: x}}\n",
            "2: datastore.aws.metadata: expected names",
        ),
        (
            "  aws: {bucket: dumps, metadata: {a: ä}}\n",
            "2: datastore.aws.metadata: expected text in",
        ),
        (
            "  aws: {bucket: dumps, rootdirectory: x}\n",
            "2: datastore.aws.rootdirectory: unknown key",
        ),
        (
            "  gcp: {bucket: dumps, secret: x}\n",
            "2: datastore.gcp: `access_key` and `secret` belong",
        ),
        ("  azure: {container: c}\n", "2: datastore.azure: give either `connection_string` or"),
        (
            "  azure: {container: c, account: a, key: x, sas_token: y}\n",
            "2: datastore.azure: give one of `connection_string`, `key` and `sas_token`",
        ),
        ("  mirrors: []\n", "1: datastore: expected at least one of `mirrors`"),
        (
            "  mirrors:\n  - local_disk: {dir: a}\n    required: false\n",
            "1: datastore: expected at least one of `mirrors`",
        ),
        (
            "  mirrors:\n  - required: true\n",
            "3: datastore.mirrors[0]: expected exactly one of aws, gcp, gcs, azure, local_disk",
        ),
        ("  mirrors:\n  - mirrors: []\n", "3: datastore.mirrors[0].mirrors: unknown key"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert _problem(tmp_path, text).startswith(said)


def test_a_folder_in_the_name_of_a_bucket(tmp_path: Path) -> None:
    path = tmp_path / "conf.yaml"
    path.write_text("datastore: {aws: {bucket: dumps/team}}\n")
    [problem] = check_config(path, environ={})
    assert problem.hint == "what follows a slash goes into `prefix`"


@pytest.mark.parametrize(
    "name", ["abc", "a" * 255, "My.Old_Bucket", "arn:aws:s3:eu-west-1:123456789012:accesspoint/a"]
)
def test_names_of_buckets(tmp_path: Path, name: str) -> None:
    aws = _section(tmp_path, "datastore: {aws: {bucket: $NAME}}", NAME=name).aws
    assert aws is not None
    assert aws.bucket == name


def test_whitespace_around_keys_and_addresses_is_not_theirs(tmp_path: Path) -> None:
    text = """
        datastore:
          aws:
            bucket: dumps
            endpoint: {custom: $ADDRESS}
            credentials: {access_key_id: $KEY, secret_access_key: $KEY, session_token: $BLANK}
        """
    environ = {"ADDRESS": "HTTP://localhost.:9000\n", "KEY": " word\r\n", "BLANK": "\n"}
    aws = _section(tmp_path, text, **environ).aws
    assert aws is not None
    assert aws.endpoint_url == "http://localhost.:9000"
    assert aws.credentials is not None
    assert aws.credentials.access_key_id is not None
    assert aws.credentials.access_key_id.get_secret_value() == "word"
    assert aws.credentials.session_token is None


def test_no_secret_is_shown(tmp_path: Path) -> None:
    section = _section(
        tmp_path,
        """
        datastore:
          mirrors:
            - aws: {bucket: dumps, credentials: {access_key_id: id-1, secret_access_key: hidden}}
            - gcp: {bucket: dumps, access_key: id-2, secret: hidden}
            - azure: {container: c, account: a, key: hidden}
            - azure: {container: c, connection_string: AccountKey=hidden}
            - azure: {container: c, account: a, sas_token: hidden}
        """,
    )
    assert "hidden" not in repr(section) + section.model_dump_json()
