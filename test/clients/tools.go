// Package clients names the programs of others that use containerd's API, and the containerd that berth is measured
// beside; go.mod pins their versions.
package clients

import (
	_ "github.com/containerd/containerd/v2/cmd/containerd"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"
	_ "github.com/containerd/containerd/v2/cmd/ctr"
	_ "github.com/containerd/nerdctl/v2/cmd/nerdctl"
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
