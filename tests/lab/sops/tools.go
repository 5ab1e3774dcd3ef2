//go:build tools

// Package sops names the programs that encrypt a Secret for a GitOps repository.
package sops

import (
	_ "filippo.io/age/cmd/age-keygen"
	_ "github.com/getsops/sops/v3/cmd/sops"
)
