/** The rider's page. */

import "./rider.css";

import { startPage } from "../ui/start";
import { RiderPage } from "./rider-page";

startPage("day", (config) => <RiderPage config={config} />);
