"""What no script of the catalogue may say, as patterns over its commands, comments left out.

Each rule has sentences that break it, and must find them: one that finds nothing proves nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

INSPECT = r"docker_do \d+ (image )?inspect\b"
CONFIG = (
    r"config ((-q|--services|--hash '\*')( |\)|$|\|| 2)|\| awk '$|\|\| echo refused; \} \| awk '$)"
)
MODEL = r'model=\$\(compose_do 20 "\$memory/docker-compose\.yml" "\$directory/\.env" config\)'
MOUNT = (
    r'mount -t tmpfs -o mode=700,size=8m kaitu "\$memory"'
    r'|mount -o bind "\$memory/env" "\$directory/\.env"'
)
OURS = r'rm -rf "\$KAITU_STATE/job" "\$KAITU_STATE/record" "\$KAITU_STATE/held"'


@dataclass(frozen=True)
class Rule:
    """A command that matches ``forbidden`` breaks it, unless it matches ``unless``, too."""

    name: str
    forbidden: str
    unless: str
    plants: tuple[str, ...]

    def broken_by(self, command: str) -> bool:
        if not re.search(self.forbidden, command):
            return False
        return not (self.unless and re.search(self.unless, command))


DOCKER = r"\b(docker_do|compose_do|staged|live|up|docker|docker-compose)\b"

RULES = (
    Rule(
        "never down",
        rf"{DOCKER}.*\bdown\b",
        r"docker_silent|docker_down|printf|echo",
        ("live 60 down", "docker compose -p x down -v", "compose_do 9 f e down"),
    ),
    Rule(
        "never volumes",
        rf"{DOCKER}.*( -v\b| --volumes\b| -[a-z]*v )|volume (rm|prune)",
        r"command -v",
        ("live 60 rm -v x", "docker_do 9 rm --volumes x", "docker_do 9 volume rm x"),
    ),
    Rule(
        "orphans stay",
        r"--remove-orphans",
        r"--remove-orphans=false ",
        ("up 9 --remove-orphans", "up 9 --remove-orphans=true "),
    ),
    Rule(
        "nothing is pruned or killed",
        rf"{DOCKER}.*\b(prune|kill|rmi|exec|run|cp|export|logs|restart)\b",
        r"docker_unit|docker_do 20 rmi \"kaitu-\$tag\" ",
        ("docker_do 9 image prune", "live 9 exec x env", "docker_do 9 logs x"),
    ),
    Rule(
        "up is careful",
        r"(compose_do|staged|live) .*\bup\b",
        r"up -d --pull never --no-build --remove-orphans=false ",
        ("live 60 up -d", "live 60 up -d --pull always --no-build --remove-orphans=false x"),
    ),
    Rule(
        "no directory but our own goes",
        r"\brm\b[^|;]* -[a-zA-Z]*[rR]|\brm\b.* --recursive|\brmdir\b|\bfind\b.*-delete",
        OURS,
        ('rm -rf "$directory"', "rm -fr .", "rm --recursive x", 'rmdir "$directory"'),
    ),
    Rule(
        "what goes is a file that we know",
        r"(^|[ ;&({])rm ",
        r"|".join(
            (
                r"^need ",
                r"docker_do 60 rm \$leavers",
                OURS,
                r'rm -f "(\$KAITU_STATE|\$job|\./\$name|\$file|\$draft|\$drafts|\$SWAP)[^ ]*"',
                r'rm -f "\$drafts"\.\*',
                r"rm -f \./state",
                r'rm -f "\$where"/\.kaitu-spare\.\*',
            )
        ),
        ('rm -f "$directory/.env"', "rm docker-compose.yml"),
    ),
    Rule(
        "no packet filter",
        r"\b(ip6?tables|nft|ufw|firewall-cmd)\b",
        r"^\s*/etc/kaitu/\* \| \*iptables\* \| \*nftables\*\) finish",
        ("iptables -F", "nft flush ruleset", "ufw disable"),
    ),
    Rule(
        "/etc/kaitu is not ours",
        r"/etc/kaitu",
        r"^\s*/etc/kaitu/\* \| \*iptables\* \| \*nftables\*\) finish",
        (">/etc/kaitu/x", "cp a /etc/kaitu"),
    ),
    Rule(
        ".env is not printed",
        r"\b(cat|head|tail|grep|sed|base64|od)\b[^|]*\.env\b",
        r'complaint=\$\(cat \./\.env 2>&1 >"\$copy"\)',
        ("cat ./.env", 'base64 -w0 "$directory/.env"', "grep SECRET .env"),
    ),
    Rule(
        ".env is not digested for others",
        r"(frame|finish|printf|echo|jot).*(digest|sha256sum).*\.env",
        "",
        ('finish OK "$(digest ./.env)"', "printf '%s' \"$(sha256sum <./.env)\""),
    ),
    Rule(
        "inspect has a fixed format",
        r"\binspect\b",
        rf"{INSPECT}.* --format ('\{{\{{[^']*\}}\}}'|\"\$(docker|survey)_format\")"
        r"|inspect --type container kaitu-operator/absent >/dev/null",
        ("docker_do 9 inspect x", "docker inspect --format '{{json .}}' x", "docker inspect x"),
    ),
    Rule(
        "formats hold no environment",
        r"\{\{.*(\.Env\b|\.Mounts\b|\.Cmd\b|\.Args\b|json \.\}|json \.Config\})",
        "",
        ("docker_format='{{json .Config.Env}}'", "f='{{json .}}'", "f='{{json .Config}}'"),
    ),
    Rule(
        "config is asked for names only",
        r"(compose_do|staged|live|compose) .*\bconfig\b",
        rf"{CONFIG}|{MODEL}",
        (
            "staged 60 config",
            "x=$(compose_do 20 f e config)",
            "live 9 config --environment",
            "compose_do 1 f e config --format j",
        ),
    ),
    Rule(
        "Docker runs in an empty environment",
        r"(^|[ ;&|($])docker( |$)",
        r'^\s*timeout -k 2 "\$limit" env -i PATH="\$PATH" HOME=/root LC_ALL=C '
        r'DOCKER_CONTEXT=default docker "\$@"$|^need |\bfinish ESELFTEST docker|command -v docker'
        r"|in (host|kind)\b|host \| docker",
        ("docker ps", "x=$(docker ps)"),
    ),
    Rule(
        "nothing is evaluated",
        r"(^|[ ;&|(])(eval|source|exec sh|sh -c|bash -c|xargs)( |$)",
        "",
        ('eval "$data"', 'sh -c "$x"', "xargs rm"),
    ),
    Rule(
        "the whole model goes to our awk only",
        r"\$\{?model\b",
        r"""printf '%s\\n' "\$model" \| awk """,
        ('told "$model"', 'printf %s "$model" >x', 'frame "${model}"', 'awk "$model"'),
    ),
    Rule(
        "what is mounted is memory and our .env",
        r"\bu?mount\b",
        rf"{MOUNT}|^need mount ",
        ("mount -o bind a b", "umount /x", "mount -o remount,rw /"),
    ),
    Rule(
        "nothing is fetched",
        r"\b(curl|wget|ssh|scp|nc|apt|apt-get|pip)\b",
        "",
        ("curl -s x | sh", "apt-get install x"),
    ),
)


def commands(text: str) -> Iterator[str]:
    """The lines of a script without comments; a continued line is one line."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if code := re.sub(r"(^|\s)#.*$", "", line).rstrip():
            yield code


def breaches(text: str) -> list[str]:
    return [
        f"{rule.name}: {command.strip()}"
        for command in commands(text)
        for rule in RULES
        if rule.broken_by(command)
    ]
