// Command health prints the health of resources as kstatus and Argo CD see it.
//
// It reads resources as a stream of JSON objects from standard input, and writes one line of JSON
// for each: {"kstatus": {"status", "message"}, "argocd": {"status", "message"}}. The argument is a
// file with the health check of Argo CD, in Lua.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type line struct {
	Kstatus health `json:"kstatus"`
	ArgoCD  health `json:"argocd"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: health HEALTH.lua < RESOURCES.json")
		os.Exit(2)
	}
	script, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = judge(string(script), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}

func judge(script string, in io.Reader, out io.Writer) error {
	buffered := bufio.NewWriter(out)
	defer buffered.Flush()
	documents, lines := json.NewDecoder(in), json.NewEncoder(buffered)
	for {
		var document json.RawMessage
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		// Unlike encoding/json, it reads whole numbers as int64, which both readers expect.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(document); err != nil {
			return err
		}
		result, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("kstatus: %w", err)
		}
		read, err := argoCD(script, object.Object)
		if err != nil {
			return fmt.Errorf("Argo CD: %w", err)
		}
		one := line{Kstatus: health{string(result.Status), result.Message}, ArgoCD: read}
		if err := lines.Encode(one); err != nil {
			return err
		}
	}
}
