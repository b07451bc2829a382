// Package kubelet names the kubelet, which uses berth as on a node; go.mod pins its version.
package kubelet

import _ "k8s.io/kubernetes/cmd/kubelet"
