/* The one executable: argv[0] or argv[1] names the applet. */
#include "applets/dispatch.h"

int main(int argc, char **argv)
{
	return applet_dispatch(argc, argv);
}
