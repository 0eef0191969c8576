// What the page does beyond its links and forms. Without it, all of those work by themselves.
import { followActions, followCopies, followFilters } from "./forms.js";
import { localize } from "./format.js";
import { showGallery } from "./gallery.js";
import { keepCurrent } from "./live.js";
import { followUpload } from "./upload.js";

document.documentElement.classList.add("scripted");
localize(document);
showGallery(document);
followFilters();
followActions();
followCopies();
followUpload();
keepCurrent();
// A new look at "5 minutes ago", now and then.
setInterval(() => localize(document), 30_000);
