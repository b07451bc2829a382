// goclient is a program that is built on containerd's client library: goclient ADDRESS NAMESPACE COMMAND
// [ARG...]. A container has goclient's own streams, and goclient exits with its status.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
)

type command struct {
	arguments string
	run       func(ctx context.Context, client *containerd.Client, args []string) (int, error)
}

var commands = map[string]command{
	"pull":       {"IMAGE", pull},
	"run":        {"ID IMAGE PROGRAM [ARG...]", run},
	"start":      {"ID IMAGE PROGRAM [ARG...]", start},
	"exec":       {"ID PROGRAM [ARG...]", exec},
	"remove":     {"ID", remove},
	"checkpoint": {"ID IMAGE", checkpoint},
	"restore":    {"ID IMAGE", restore},
	"push":       {"IMAGE REFERENCE", push},
	"create":     {"COUNT IMAGE", createMany},
	"list":       {"COUNT", list},
	"write":      {"FILE DIGEST", write},
	"read":       {"DIGEST", read},
}

func main() {
	if len(os.Args) < 4 {
		fail(errors.New("usage: goclient ADDRESS NAMESPACE COMMAND [ARG...]"))
	}
	asked, known := commands[os.Args[3]]
	args := os.Args[4:]
	if !known || len(args) < len(strings.Split(strings.Split(asked.arguments, " [")[0], " ")) {
		fail(fmt.Errorf("usage: goclient ADDRESS NAMESPACE %s %s", os.Args[3], asked.arguments))
	}
	client, err := containerd.New(os.Args[1])
	if err != nil {
		fail(err)
	}
	ctx := namespaces.WithNamespace(context.Background(), os.Args[2])
	status, err := asked.run(ctx, client, args)
	// If a client is not closed, the daemon keeps its streams.
	client.Close()
	if err != nil {
		fail(err)
	}
	os.Exit(status)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "goclient:", err)
	os.Exit(125)
}

// The tests' registries are on loopback and speak plain HTTP.
func resolver() remotes.Resolver {
	hosts := docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchLocalhost))
	return docker.NewResolver(docker.ResolverOptions{Hosts: hosts})
}

func pull(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	image, err := client.Pull(ctx, args[0], containerd.WithPullUnpack, containerd.WithResolver(resolver()))
	if err != nil {
		return 0, err
	}
	fmt.Println(image.Target().Digest)
	return 0, nil
}

func push(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	image, err := client.GetImage(ctx, args[0])
	if err != nil {
		return 0, err
	}
	return 0, client.Push(ctx, args[1], image.Target(), containerd.WithResolver(resolver()))
}

func run(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	container, err := create(ctx, client, args)
	if err != nil {
		return 0, err
	}
	defer container.Delete(ctx, containerd.WithSnapshotCleanup)
	task, err := container.NewTask(ctx, cio.NewCreator(cio.WithStreams(os.Stdin, os.Stdout, os.Stderr)))
	if err != nil {
		return 0, err
	}
	return finish(ctx, task)
}

func start(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	container, err := create(ctx, client, args)
	if err != nil {
		return 0, err
	}
	task, err := container.NewTask(ctx, cio.NullIO)
	if err != nil {
		return 0, err
	}
	return 0, task.Start(ctx)
}

func create(ctx context.Context, client *containerd.Client, args []string) (containerd.Container, error) {
	id := args[0]
	image, err := client.GetImage(ctx, args[1])
	if err != nil {
		return nil, err
	}
	return client.NewContainer(ctx, id,
		containerd.WithImage(image),
		containerd.WithNewSnapshot(id, image),
		containerd.WithNewSpec(oci.WithImageConfig(image), oci.WithProcessArgs(args[2:]...), oci.WithHostname(id)))
}

func exec(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	container, err := client.LoadContainer(ctx, args[0])
	if err != nil {
		return 0, err
	}
	spec, err := container.Spec(ctx)
	if err != nil {
		return 0, err
	}
	task, err := container.Task(ctx, nil)
	if err != nil {
		return 0, err
	}
	process := *spec.Process
	process.Args = args[1:]
	id := fmt.Sprintf("exec-%d", os.Getpid())
	command, err := task.Exec(ctx, id, &process, cio.NewCreator(cio.WithStreams(os.Stdin, os.Stdout, os.Stderr)))
	if err != nil {
		return 0, err
	}
	return finish(ctx, command)
}

type process interface {
	Wait(ctx context.Context) (<-chan containerd.ExitStatus, error)
	Start(ctx context.Context) error
	Delete(ctx context.Context, opts ...containerd.ProcessDeleteOpts) (*containerd.ExitStatus, error)
}

// finish starts a process, waits for its end, and deletes it.
func finish(ctx context.Context, started process) (int, error) {
	ended, err := started.Wait(ctx)
	if err != nil {
		return 0, err
	}
	if err := started.Start(ctx); err != nil {
		_, undone := started.Delete(ctx)
		return 0, errors.Join(err, undone)
	}
	if status := <-ended; status.Error() != nil {
		return 0, status.Error()
	}
	status, err := started.Delete(ctx)
	if err != nil {
		return 0, err
	}
	return int(status.ExitCode()), status.Error()
}

func remove(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	container, err := client.LoadContainer(ctx, args[0])
	if err != nil {
		return 0, err
	}
	task, err := container.Task(ctx, nil)
	if err == nil {
		_, err = task.Delete(ctx, containerd.WithProcessKill)
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return 0, err
	}
	return 0, container.Delete(ctx, containerd.WithSnapshotCleanup)
}

func checkpoint(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	container, err := client.LoadContainer(ctx, args[0])
	if err != nil {
		return 0, err
	}
	image, err := container.Checkpoint(ctx, args[1],
		containerd.WithCheckpointRuntime,
		containerd.WithCheckpointImage,
		containerd.WithCheckpointRW,
		containerd.WithCheckpointTask)
	if err != nil {
		return 0, err
	}
	fmt.Println(image.Target().Digest)
	return 0, nil
}

func restore(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	image, err := client.GetImage(ctx, args[1])
	if err != nil {
		return 0, err
	}
	container, err := client.Restore(ctx, args[0], image,
		containerd.WithRestoreImage,
		containerd.WithRestoreSpec,
		containerd.WithRestoreRuntime,
		containerd.WithRestoreRW)
	if err != nil {
		return 0, err
	}
	task, err := container.NewTask(ctx, cio.NullIO, containerd.WithTaskCheckpoint(image))
	if err != nil {
		return 0, err
	}
	return 0, task.Start(ctx)
}

// createMany creates containers without a task, each with a snapshot and a specification.
func createMany(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, err
	}
	for number := range count {
		if _, err := create(ctx, client, []string{fmt.Sprintf("made-%d", number), args[1], "true"}); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// list lists all containers repeatedly, and prints how many milliseconds that took.
func list(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, err
	}
	containers := containersapi.NewContainersClient(client.Conn().(grpc.ClientConnInterface))
	start := time.Now()
	for range count {
		if _, err := containers.List(ctx, &containersapi.ListContainersRequest{}); err != nil {
			return 0, err
		}
	}
	fmt.Println(time.Since(start).Milliseconds())
	return 0, nil
}

// write writes a blob that stays until it is deleted, and prints how many milliseconds that took.
func write(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	file, err := os.Open(args[0])
	if err != nil {
		return 0, err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return 0, err
	}
	blob := ocispec.Descriptor{Digest: digest.Digest(args[1]), Size: about.Size()}
	kept := content.WithLabels(map[string]string{"containerd.io/gc.root": "goclient"})
	start := time.Now()
	if err := content.WriteBlob(ctx, client.ContentStore(), args[1], file, blob, kept); err != nil {
		return 0, err
	}
	fmt.Println(time.Since(start).Milliseconds())
	return 0, nil
}

// read reads a blob in one call, and prints how many milliseconds that took.
func read(ctx context.Context, client *containerd.Client, args []string) (int, error) {
	blobs := contentapi.NewContentClient(client.Conn().(grpc.ClientConnInterface))
	start := time.Now()
	pieces, err := blobs.Read(ctx, &contentapi.ReadContentRequest{Digest: args[0]})
	if err != nil {
		return 0, err
	}
	for {
		if _, err := pieces.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	fmt.Println(time.Since(start).Milliseconds())
	return 0, nil
}
