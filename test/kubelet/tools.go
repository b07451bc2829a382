// Package kubelet names the program that drives berth as a node does; go.mod pins its version.
package kubelet

import _ "k8s.io/kubernetes/cmd/kubelet"
