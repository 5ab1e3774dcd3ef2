//go:build tools

// Package helm names the programs that the chart's tests need, so that go.mod pins them.
package helm

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v3/cmd/helm"
	_ "helm.sh/helm/v4/cmd/helm"
)
