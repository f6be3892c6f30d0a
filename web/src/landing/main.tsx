/** The landing page: three doors into one city. */

import "./landing.css";

import { startPage } from "../ui/start";
import { LandingPage } from "./landing-page";

startPage(null, (config) => <LandingPage config={config} />);
