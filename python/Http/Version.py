# SPDX-License-Identifier: Apache-2.0
"""The version of PyISAPIe: text, numbers, and bits of a pointer."""

from PyISAPIe import VersionBits as Bits
from PyISAPIe import VersionFull as Full
from PyISAPIe import VersionMajor as Major
from PyISAPIe import VersionMinor as Minor
from PyISAPIe import VersionRelease as Release
from PyISAPIe import VersionRevision as Revision

__all__ = ["Bits", "Full", "Major", "Minor", "Release", "Revision"]
