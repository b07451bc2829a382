// Command standin does what critest expects of programs in images that cannot be had without a public registry:
//
//	standin serve PORT ...   answers every request on the port, as the images of nginx and httpd do
//	standin uid              prints its effective user, as the image nonewprivs does
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("standin: serve PORT, or uid")
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2])
	case "uid":
		fmt.Printf("Effective uid: %d\n", os.Geteuid())
	default:
		log.Fatalf("standin: unknown command %q", os.Args[1])
	}
}

// serve writes nginx's pid file, which critest reads, and serves until it is killed.
func serve(port string) {
	pid := strconv.Itoa(os.Getpid())
	if err := os.WriteFile("/var/run/nginx.pid", []byte(pid), 0o644); err != nil {
		log.Fatal(err)
	}
	answer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "It works!") }
	// critest looks for the name in the log.
	fmt.Println("httpd: serving port " + port)
	log.Fatal(http.ListenAndServe(":"+port, http.HandlerFunc(answer)))
}
