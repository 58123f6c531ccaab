// clientgo does with client-go what the end-to-end tests ask for (tests/e2e/test_clients.py), by the kubeconfig of
// $KUBECONFIG. It prints what it saw, one line each, and ends in error at the first surprise.
//
//	clientgo crud NAMESPACE
//	clientgo inform LABEL [chunk=N] [protobuf] [nostream]   until its standard input ends
//	clientgo exec ws|spdy NAMESPACE POD COMMAND...
//	clientgo forward ws|spdy NAMESPACE POD PORT             until its standard input ends
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
)

const timeout = 60 * time.Second

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "clientgo:", err)
		os.Exit(1)
	}
}

func want(right bool, format string, args ...any) {
	if !right {
		check(fmt.Errorf(format, args...))
	}
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(err)
	config.QPS, config.Burst = 1000, 1000
	if os.Getenv("CLIENTGO_JSON") != "" { // for a server that knows nothing else
		config.ContentType = "application/json"
	}
	want(len(os.Args) > 2, "usage: clientgo crud|inform|exec|forward ...")
	args := os.Args[2:]
	switch os.Args[1] {
	case "crud":
		crud(config, args[0])
	case "inform":
		inform(config, args[0], args[1:])
	case "exec":
		run(config, args[0], args[1], args[2], args[3:])
	case "forward":
		forward(config, args[0], args[1], args[2], args[3])
	default:
		check(fmt.Errorf("no such deed: %s", os.Args[1]))
	}
}

// crud takes one config map through its life, seen by a watch, and asks for what must fail.
func crud(config *rest.Config, namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	maps := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps(namespace)
	name := "clientgo-" + strconv.Itoa(os.Getpid())
	seen, err := maps.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	check(err)
	made, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	check(err)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	want(apierrors.IsAlreadyExists(err), "a second create: %v", err)
	old := made.DeepCopy()
	made.Data = map[string]string{"a": "1"}
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	check(err)
	old.Data = map[string]string{"a": "2"}
	_, err = maps.Update(ctx, old, metav1.UpdateOptions{})
	want(apierrors.IsConflict(err), "an update of an old version: %v", err)
	patched, err := maps.Patch(ctx, name, types.MergePatchType, []byte(`{"data":{"b":"ü"}}`), metav1.PatchOptions{})
	check(err)
	want(patched.Data["a"] == "1" && patched.Data["b"] == "ü", "the patch made %v", patched.Data)
	listed, err := maps.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	check(err)
	want(len(listed.Items) == 1, "%d listed", len(listed.Items))
	check(maps.Delete(ctx, name, metav1.DeleteOptions{}))
	_, err = maps.Get(ctx, name, metav1.GetOptions{})
	want(apierrors.IsNotFound(err), "a get after the delete: %v", err)
	for _, kind := range []watch.EventType{watch.Added, watch.Modified, watch.Modified, watch.Deleted} {
		event, open := <-seen.ResultChan()
		want(open && event.Type == kind, "watched %v (open: %v), not %v", event.Type, open, kind)
	}
	seen.Stop()
	fmt.Println("crud ok")
}

// inform runs a shared informer over all namespaces and prints "synced N", then "added NAMESPACE/NAME" and so on. With
// chunk it first counts a list in chunks, as "listed N in P pages".
func inform(config *rest.Config, label string, more []string) {
	only := func(o *metav1.ListOptions) { o.LabelSelector = label }
	for _, word := range more {
		switch {
		case word == "protobuf": // as controllers ask
			config.ContentType = "application/vnd.kubernetes.protobuf"
			config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
		case word == "nostream": // list, then watch
			check(os.Setenv("KUBE_FEATURE_WatchListClient", "false"))
		}
	}
	client := kubernetes.NewForConfigOrDie(config)
	for _, word := range more {
		if size, found := strings.CutPrefix(word, "chunk="); found {
			count(client, label, size)
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(only))
	informer := factory.Core().V1().ConfigMaps().Informer()
	check(informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		fmt.Fprintln(os.Stderr, "clientgo: the watch ended, it comes again:", err)
	}))
	say := func(what string, object any) {
		if gone, is := object.(cache.DeletedFinalStateUnknown); is {
			object = gone.Obj
		}
		m := object.(*corev1.ConfigMap)
		fmt.Printf("%s %s/%s\n", what, m.Namespace, m.Name)
	}
	synced := make(chan struct{})
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { <-synced; say("added", o) },
		UpdateFunc: func(_, o any) { say("updated", o) },
		DeleteFunc: func(o any) { say("deleted", o) },
	})
	check(err)
	stop := make(chan struct{})
	factory.Start(stop)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	want(cache.WaitForCacheSync(ctx.Done(), informer.HasSynced), "the informer did not sync in %v", timeout)
	fmt.Printf("synced %d\n", len(informer.GetStore().ListKeys()))
	close(synced)
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
}

func count(client kubernetes.Interface, label, size string) {
	pages, total := 0, 0
	list := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (r runtime.Object, err error) {
		pages++
		return client.CoreV1().ConfigMaps("").List(context.Background(), o)
	}))
	limit, err := strconv.ParseInt(size, 10, 64)
	check(err)
	list.PageSize = limit
	check(list.EachListItem(context.Background(), metav1.ListOptions{LabelSelector: label}, func(runtime.Object) error {
		total++
		return nil
	}))
	fmt.Printf("listed %d in %d pages\n", total, pages)
}

func podURL(config *rest.Config, namespace, pod, subresource string) *rest.Request {
	return kubernetes.NewForConfigOrDie(config).CoreV1().RESTClient().Post().
		Resource("pods").Namespace(namespace).Name(pod).SubResource(subresource)
}

func executor(config *rest.Config, kind string, url *url.URL) (remotecommand.Executor, error) {
	if kind == "spdy" {
		return remotecommand.NewSPDYExecutor(config, "POST", url)
	}
	return remotecommand.NewWebSocketExecutor(config, "GET", url.String())
}

// run passes standard input (when it is not empty), output and error, and ends with the command's exit status.
func run(config *rest.Config, kind, namespace, pod string, command []string) {
	request := podURL(config, namespace, pod, "exec").VersionedParams(&corev1.PodExecOptions{
		Command: command, Stdin: true, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	exec, err := executor(config, kind, request.URL())
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err = exec.StreamWithContext(ctx, remotecommand.StreamOptions{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
	var ended utilexec.CodeExitError
	if errors.As(err, &ended) {
		os.Exit(ended.Code)
	}
	check(err)
}

// forward prints the local port, then waits for the end of standard input.
func forward(config *rest.Config, kind, namespace, pod, port string) {
	target := podURL(config, namespace, pod, "portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(config)
	check(err)
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", target)
	if kind == "ws" {
		dialer, err = portforward.NewSPDYOverWebsocketDialer(target, config)
		check(err)
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.New(dialer, []string{"0:" + port}, stop, ready, io.Discard, os.Stderr)
	check(err)
	go func() { check(forwarder.ForwardPorts()) }()
	<-ready
	ports, err := forwarder.GetPorts()
	check(err)
	fmt.Println(ports[0].Local)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
