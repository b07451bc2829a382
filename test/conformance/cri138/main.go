// Command cri138 uses the client of k8s.io/cri-api to test what the CRI of Kubernetes 1.38 has and that of
// 1.36 has not: cri138 SOCKET PROFILE IMAGE LOGS. PROFILE is the reference of a seccomp profile that makes
// mkdir fail with EDQUOT. It exits with 1 at the first response that contradicts the protocol's comments.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(socket, profile, image, logs string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	runtime, images := cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection)
	if err := features(ctx, runtime); err != nil {
		return err
	}
	if err := pull(ctx, images, profile); err != nil {
		return err
	}
	if err := containers(ctx, runtime, profile, image, logs); err != nil {
		return err
	}
	return remove(ctx, images, profile)
}

func features(ctx context.Context, runtime cri.RuntimeServiceClient) error {
	answer, err := runtime.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return err
	}
	for _, handler := range answer.RuntimeHandlers {
		if !handler.Features.CgroupNamespaces {
			return fmt.Errorf("handler %q has no cgroup namespaces", handler.Name)
		}
	}
	if !answer.Features.SeccompProfileOci {
		return fmt.Errorf("features: %v", answer.Features)
	}
	fmt.Println("cgroup_mount_mode:", answer.Features.CgroupMountMode)
	return nil
}

func pull(ctx context.Context, images cri.ImageServiceClient, profile string) error {
	request := &cri.PullSecurityProfileRequest{
		Image:       &cri.ImageSpec{Image: profile, UserSpecifiedImage: profile},
		ProfileKind: cri.SecurityProfileKind_Seccomp,
	}
	for _, cached := range []bool{false, true} {
		answer, err := images.PullSecurityProfile(ctx, request)
		if err != nil {
			return err
		}
		if answer.Cached != cached {
			return fmt.Errorf("PullSecurityProfile: cached is %v", answer.Cached)
		}
	}
	request.ProfileKind = cri.SecurityProfileKind_SecurityProfileKindUnspecified
	_, err := images.PullSecurityProfile(ctx, request)
	if err := refused(err, "SecurityProfileInvalid"); err != nil {
		return err
	}
	_, err = digestOf(ctx, images, profile)
	return err
}

func digestOf(ctx context.Context, images cri.ImageServiceClient, profile string) (string, error) {
	answer, err := images.ListSecurityProfiles(ctx, &cri.ListSecurityProfilesRequest{})
	if err != nil {
		return "", err
	}
	for _, each := range answer.Profiles {
		if slices.Contains(each.Refs, profile) && each.Size > 0 {
			return each.Digest, nil
		}
	}
	return "", fmt.Errorf("ListSecurityProfiles: %v", answer.Profiles)
}

func containers(ctx context.Context, runtime cri.RuntimeServiceClient, profile, image, logs string) error {
	namespaces := &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER}
	sandbox := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: "cri138", Namespace: "default", Uid: "cri138"},
		LogDirectory: logs,
		Linux:        &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{NamespaceOptions: namespaces}},
	}
	pod, err := runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: sandbox})
	if err != nil {
		return err
	}
	defer runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: pod.PodSandboxId})

	create := func(security *cri.LinuxContainerSecurityContext) (string, error) {
		answer, err := runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
			PodSandboxId:  pod.PodSandboxId,
			SandboxConfig: sandbox,
			Config: &cri.ContainerConfig{
				Metadata: &cri.ContainerMetadata{Name: "main"},
				Image:    &cri.ImageSpec{Image: image},
				Command:  []string{"/bin/sh", "-c", "exec sleep 1000"},
				LogPath:  "main.log",
				Linux:    &cri.LinuxContainerConfig{SecurityContext: security},
			},
		})
		return answer.GetContainerId(), err
	}
	in := func(mode cri.NamespaceMode) *cri.NamespaceOption {
		return &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER, CgroupnsOptions: &cri.CgroupNamespace{Mode: mode}}
	}
	oci := &cri.SecurityProfile{
		ProfileType: cri.SecurityProfile_OCI,
		OciRef:      profile,
		BaseProfile: &cri.SecurityProfileBase{Type: cri.SecurityProfileBase_RuntimeDefault},
	}

	for path, security := range map[string]*cri.LinuxContainerSecurityContext{
		"apparmor.profile_type":  {NamespaceOptions: in(cri.NamespaceMode_CONTAINER), Apparmor: oci},
		"seccomp.oci_ref":        {NamespaceOptions: in(cri.NamespaceMode_CONTAINER), Seccomp: &cri.SecurityProfile{OciRef: profile}},
		"cgroupns_options.mode:": {NamespaceOptions: in(cri.NamespaceMode_POD)},
		"cgroupns_options.mode":  {NamespaceOptions: in(cri.NamespaceMode_TARGET)},
		"cgroup_mount_mode": {
			NamespaceOptions: in(cri.NamespaceMode_NODE),
			CgroupMountMode:  cri.CgroupMountMode_CGROUP_MOUNT_MODE_READ_WRITE,
		},
	} {
		_, err := create(security)
		if err := refused(err, path); err != nil {
			return err
		}
	}

	id, err := create(&cri.LinuxContainerSecurityContext{
		NamespaceOptions: in(cri.NamespaceMode_CONTAINER),
		CgroupMountMode:  cri.CgroupMountMode_CGROUP_MOUNT_MODE_READ_ONLY,
		Seccomp:          oci,
	})
	if err != nil {
		return err
	}
	if _, err := runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id}); err != nil {
		return err
	}
	script := "mkdir /tmp/made; mkdir /sys/fs/cgroup/made; true"
	answer, err := runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: id, Cmd: []string{"sh", "-c", script}, Timeout: 30})
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToLower(string(answer.Stderr)), "quota exceeded") {
		return fmt.Errorf("mkdir under the profile: %s", answer.Stderr)
	}
	return metrics(ctx, runtime)
}

// metrics waits for a metric with a fraction of a second: a container may take a while to use one.
func metrics(ctx context.Context, runtime cri.RuntimeServiceClient) error {
	for {
		answer, err := runtime.ListPodSandboxMetrics(ctx, &cri.ListPodSandboxMetricsRequest{})
		if err != nil {
			return err
		}
		for _, pod := range answer.PodMetrics {
			for _, container := range pod.ContainerMetrics {
				for _, metric := range container.Metrics {
					if metric.DoubleValue != nil && metric.Value != nil && metric.DoubleValue.Value != float64(metric.Value.Value) {
						return nil
					}
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no metric has a double_value: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func remove(ctx context.Context, images cri.ImageServiceClient, profile string) error {
	digest, err := digestOf(ctx, images, profile)
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := images.RemoveSecurityProfile(ctx, &cri.RemoveSecurityProfileRequest{Digest: digest}); err != nil {
			return err
		}
	}
	if _, err := digestOf(ctx, images, profile); err == nil {
		return fmt.Errorf("RemoveSecurityProfile: %s is still there", digest)
	}
	return nil
}

// refused returns nil for an error with code InvalidArgument that names the problem.
func refused(err error, what string) error {
	if status.Code(err) == codes.InvalidArgument && strings.Contains(status.Convert(err).Message(), what) {
		return nil
	}
	return fmt.Errorf("not refused for %s: %w", what, err)
}
